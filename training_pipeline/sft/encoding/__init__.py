"""From chats to token ids and labels: templates, control tokens, and whose letters they are."""
