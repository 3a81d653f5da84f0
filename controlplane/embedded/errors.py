"""What can go wrong with an embedded server, said in a sentence for a person."""


class EmbeddedServerError(Exception):
    """An embedded server cannot be started; the message says why and what to do."""
