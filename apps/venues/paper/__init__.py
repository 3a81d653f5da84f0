"""The paper venue: a counterparty with its own books behind the adapter protocol."""
