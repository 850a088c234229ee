"""What authors of plug-ins test with.

`evolve.testing.hostile` attacks an executor and says whether it held. `evolve.testing.model_server` is a
scripted model that speaks the OpenAI protocol on loopback and fails in every way that models do.
"""
