"""Laws of fields: partial differential equations by regression."""
