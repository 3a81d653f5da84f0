"""placeholder"""
def token_for(value): return None
