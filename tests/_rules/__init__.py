"""The rule language of the table run over NumPy, and checks of rules against finite differences.

Layer: tests. Needs neither the compiled library nor PyTorch.
"""
