"""From a caller's text to token ids: prompts, chat, templates, cutting."""
