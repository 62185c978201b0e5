"""The commands: `retrieval-index` makes and looks at indices, `retrieval-search` serves one."""
