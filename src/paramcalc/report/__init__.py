"""Results as documents (JSON) and as pages (table, CSV, Markdown). No arithmetic of its own."""
