"""What the paper says and nothing else: its protocol, its published numbers and its claims.

May import nothing else of the package.
"""
