"""What is asked about evaluation suites, evaluations and promotions: the verbs, here and over HTTP."""
