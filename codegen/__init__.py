"""The table made into C++, stubs and reference pages. Layer: codegen; standard library and optable only."""
