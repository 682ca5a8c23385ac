# torchy's benchmark harness: one set of cases, two libraries, alternating rounds.
# Layer: beside the product; nothing in src/ or csrc/ imports it. See README.md in this folder.
