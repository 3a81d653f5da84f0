"""A child interpreter that can reach nothing but its pipes, its build and a scratch folder."""
