"""How each library is asked what it stores: one module for each, see record_quantised.py."""
