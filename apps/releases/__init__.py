"""Release triples, build ids, gates and their evidence."""
