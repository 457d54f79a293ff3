"""Examples for the OpenAPI document: tests send each request to a service, and hold answers to their schemas.

requests      bodies and headers
answers       what requests are answered with, out of answers.json: model -> name -> example. Its numbers are
              those of six seconds of noise, mastered to a style.
"""

from mastering.service.examples.answers import answer_examples

__all__ = ["answer_examples"]
