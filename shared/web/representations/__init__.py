"""How values look as JSON, and how the API's document describes them: a module for each kind of value."""
