"""256 English words that the synthetic texts are made of.

Everyday and trade words, one in ten of which a WordPiece vocabulary splits, so that a word costs
1.17 tokens with the tokenizer of all-MiniLM-L6-v2: 8 words are 11 tokens and 100 words are 119,
both with the two special tokens.
"""

_TEXT = """
able above account active address advice aerosol after again agency almost alone along already
amount analysis ancient animal annual appear apple aquifer arbitrage area argue around article
artist aspect attack author autumn average avoid awake balance bank basic battery bauxite beach
before begin behaviour below benefit between bicycle board bottle branch bread bridge brief
bright broken budget build burden button cabin capital carbon careful carry castle cattle cause
central century certain change charge chemical choice church circle citizen clean climate coast
coffee collect colour common company compare complete compost computer concert corner country
cover cross crowd culture customer danger daughter debate decade decide deep defence deliver
demand deposit detail dialysis diesel digital dinner direct disease distance divide dividend
doctor doubt driver early earth eastern economy editor effect effort electric embedding empire
energy engine enough entire equal error estate evidence example exchange expert explain export
fabric factor failure famous farmer fashion father federal festival fever fiction field figure
filter finger finish fiscal fishing flavour flight flower follow formal former fortune freedom
freight friend frozen funding future gallery garden gather general gentle glacier global golden
grain graphite gravity ground growth harvest health heatwave heavy hidden history holiday hotel
hunger hydrogen immune income index inflation insect invoice journal journey judge jury kernel
kilowatt kitchen ladder latency lattice lawyer leather letter liability library liquid lithium
logistics lumber machine magnesium malaria manager marble market meadow measure medicine
merchant method migration mineral mirror monsoon moraine mortgage mountain museum mycelium
neutrino odometer osmosis overload reranker resilience scaffold solvency stethoscope sulphate
throughput tokenise zeolite
"""

WORDS: tuple[str, ...] = tuple(_TEXT.split())
