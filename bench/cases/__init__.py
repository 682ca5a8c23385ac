# The benchmark cases, written once against PyTorch's API; one module per subject.
# A case is `def case(torch): setup; return fn`. It imports no tensor library itself.
