"""How a language model is asked about a document, for those that answer in one word.

The texts and their order are those of the authors' own code. One question is a `Form` in words and
a `Chat` in the ids of one tokenizer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tokenizers import Tokenizer

_TURN, _END = "<|im_start|>", "<|im_end|>"


@dataclass(frozen=True, slots=True)
class Form:
    """A question in words: the chat around it, its marks, and the two answers.

    `instruction` takes one in braces; `default_instruction` None means that the authors ask without
    one. `is_joined` says whether a query and the mark after it are tokenised as one text, where a
    query's last sign and the line break become one token.
    """

    name: str
    opening: str
    instruction: str
    query: str
    document: str
    closing: str
    yes: str
    no: str
    default_instruction: str | None
    is_joined: bool

    def before(self, instruction: str | None) -> str:
        """The question up to its query."""
        told = self.default_instruction if instruction is None else instruction
        return ("" if told is None else self.instruction.format(told)) + self.query


QWEN3_RERANKER = Form(
    name="Qwen3-Reranker",
    opening=f"{_TURN}system\nJudge whether the Document meets the requirements based on the Query "
    'and the Instruct provided. Note that the answer can only be "yes" or "no".'
    f"{_END}\n{_TURN}user\n",
    instruction="<Instruct>: {}\n",
    query="<Query>:",
    document="\n<Document>:",
    closing=f"{_END}\n{_TURN}assistant\n<think>\n\n</think>\n\n",
    yes="yes",
    no="no",
    default_instruction="Given a web search query, retrieve relevant passages that answer the "
    "query",
    is_joined=True,
)
"""Source: model card of Qwen/Qwen3-Reranker-0.6B."""

MXBAI_RERANK_V2 = Form(
    name="mxbai-rerank-v2",
    opening=f"{_TURN}system\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant."
    f"{_END}\n{_TURN}user\n",
    instruction="instruction: {}\n",
    query="query:",
    document="\ndocument:",
    closing="\nYou are a search relevance expert who evaluates how well documents match search "
    "queries. For each query-document pair, carefully analyze the semantic relationship between "
    "them, then provide your binary relevance judgment (0 for not relevant, 1 for relevant).\n"
    f"Relevance:{_END}\n{_TURN}assistant\n",
    yes="1",
    no="0",
    default_instruction=None,
    is_joined=False,
)
"""Source: mxbai_rerank/mxbai_rerank_v2.py of github.com/mixedbread-ai/mxbai-rerank."""

FORMS: Mapping[str, Form] = {form.name: form for form in (QWEN3_RERANKER, MXBAI_RERANK_V2)}


@dataclass(frozen=True, slots=True)
class Chat:
    """A form in ids: what stands before and after a question, and the answers."""

    form: Form
    leading: tuple[int, ...]
    trailing: tuple[int, ...]
    yes: int
    no: int

    @property
    def tokens(self) -> int:
        """Tokens around a question."""
        return len(self.leading) + len(self.trailing)


def missing_words(tokenizer: Tokenizer, form: Form) -> tuple[str, ...]:
    """Tokens that a form needs and this tokenizer does not have."""
    words = (_TURN, _END, form.yes, form.no)
    return tuple(word for word in words if tokenizer.token_to_id(word) is None)


def read_chat(tokenizer: Tokenizer, form: Form) -> Chat:
    """A form in ids, from a tokenizer that misses none of its words.

    Special tokens are read as such here, whatever the tokenizer is set to do with texts.
    """
    is_plain, tokenizer.encode_special_tokens = tokenizer.encode_special_tokens, False
    opening, closing = (
        tuple(tokenizer.encode(text, add_special_tokens=False).ids)
        for text in (form.opening, form.closing)
    )
    tokenizer.encode_special_tokens = is_plain
    words = tokenizer.get_vocab()
    return Chat(form, opening, closing, words[form.yes], words[form.no])
