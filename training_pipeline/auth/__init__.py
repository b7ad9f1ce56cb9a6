"""Who may use an installation: API tokens and roles."""
