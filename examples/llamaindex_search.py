"""LlamaIndex: vectors through its OpenAI-like class, reranking as a node postprocessor.

EMBEDDER_URL and RERANKER_URL say where the predictors are.
"""

import os

import httpx
from llama_index.core import VectorStoreIndex
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode
from llama_index.embeddings.openai_like import OpenAILikeEmbedding

EMBEDDER = os.environ.get("EMBEDDER_URL", "http://localhost:8080")
RERANKER = os.environ.get("RERANKER_URL", "http://localhost:8090")
TEXTS = [
    "Mix flour, water, salt and yeast, let the dough rise, then bake it for 40 minutes.",
    "The stock market closed lower on Monday.",
    "A sourdough starter needs feeding once a day.",
]


class Reranker(BaseNodePostprocessor):
    """Puts nodes in the order of the predictor's scores."""

    url: str
    top_n: int = 3

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        if query_bundle is None or not nodes:
            return nodes
        texts = [node.node.get_content() for node in nodes]
        body = {"query": query_bundle.query_str, "documents": texts, "top_n": self.top_n}
        answer = httpx.post(f"{self.url}/v1/rerank", json=body, timeout=30).raise_for_status()
        return [
            NodeWithScore(node=nodes[one["index"]].node, score=one["relevance_score"])
            for one in answer.json()["results"]
        ]


def main() -> None:
    """Index three texts, search them, rerank what was found, print it."""
    embeddings = OpenAILikeEmbedding(
        model_name="embedder", api_base=f"{EMBEDDER}/v1", api_key="none"
    )
    index = VectorStoreIndex([TextNode(text=text) for text in TEXTS], embed_model=embeddings)
    question = "How do I bake bread?"
    found = index.as_retriever(similarity_top_k=3).retrieve(question)
    reranked = Reranker(url=RERANKER, top_n=2).postprocess_nodes(found, query_str=question)
    for node in reranked:
        print(f"{node.score:.3f}  {node.node.get_content()}")


if __name__ == "__main__":
    main()
