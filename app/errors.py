"""What a command ends with as one sentence, where the operator can mend what is wrong."""


class OperatorError(Exception):
    """What is wrong, in a sentence for whoever runs Kennel: it is printed alone, without a traceback."""
