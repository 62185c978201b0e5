"""LangChain: vectors through OpenAI's class, reranking in fifteen lines.

EMBEDDER_URL and RERANKER_URL say where the predictors are.
"""

import os
from collections.abc import Sequence

import httpx
from langchain_core.documents import BaseDocumentCompressor, Document
from langchain_core.vectorstores import InMemoryVectorStore
from langchain_openai import OpenAIEmbeddings

EMBEDDER = os.environ.get("EMBEDDER_URL", "http://localhost:8080")
RERANKER = os.environ.get("RERANKER_URL", "http://localhost:8090")
TEXTS = [
    "Mix flour, water, salt and yeast, let the dough rise, then bake it for 40 minutes.",
    "The stock market closed lower on Monday.",
    "A sourdough starter needs feeding once a day.",
]


class Reranker(BaseDocumentCompressor):
    """Puts documents in the order of the predictor's scores."""

    url: str
    top_n: int = 3

    def compress_documents(
        self, documents: Sequence[Document], query: str, callbacks: object = None
    ) -> list[Document]:
        texts = [document.page_content for document in documents]
        body = {"query": query, "documents": texts, "top_n": self.top_n}
        answer = httpx.post(f"{self.url}/v1/rerank", json=body, timeout=30).raise_for_status()
        return [
            documents[one["index"]].model_copy(
                update={"metadata": {"score": one["relevance_score"]}}
            )
            for one in answer.json()["results"]
        ]


def main() -> None:
    """Index three texts, search them, rerank what was found, print it."""
    embeddings = OpenAIEmbeddings(
        base_url=f"{EMBEDDER}/v1",
        api_key="none",
        model="embedder",
        check_embedding_ctx_length=False,  # texts, not ids of OpenAI's tokenizer
    )
    store = InMemoryVectorStore(embeddings)
    store.add_texts(TEXTS)
    question = "How do I bake bread?"
    found = store.similarity_search(question, k=3)
    for document in Reranker(url=RERANKER, top_n=2).compress_documents(found, question):
        print(f"{document.metadata['score']:.3f}  {document.page_content}")


if __name__ == "__main__":
    main()
