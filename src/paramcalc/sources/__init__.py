"""What a user can point at, turned into a model: a name, a size, a configuration, a layer spec."""
