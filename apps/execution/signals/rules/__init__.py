"""Pure decisions on messages: who sent it, when, from where, and what order it asks for."""
