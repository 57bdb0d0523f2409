"""Laws in which the rates are multiplied by functions of the state."""
