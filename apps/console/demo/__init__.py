"""The demo: people, markets and two bots, made through the product's real paths."""
