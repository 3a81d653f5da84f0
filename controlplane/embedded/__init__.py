"""PostgreSQL and Redis started by the product itself, for machines that have neither."""
