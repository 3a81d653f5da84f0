"""Order gateway, strategy cycles, orders, fills, positions."""
