"""The operations, by theme. Each computes with NumPy and says how its gradient flows back."""
