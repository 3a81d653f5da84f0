"""What a named safeguard is: one rule, the text that enforces it, and the tests that notice when it is gone."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Safeguard:
    """`find` stands exactly once in `file`; with `replace` in its place the rule is gone and every test fails."""

    name: str
    rule: str
    file: str
    find: str
    replace: str
    tests: tuple[str, ...]

    def removed(self, source: str) -> str:
        """The source of `file` without the safeguard. Raises ValueError when the text is not there exactly once."""
        found = source.count(self.find)
        if found != 1:
            raise ValueError(f"{self.name}: its text is {found} times in {self.file}, not once")
        return source.replace(self.find, self.replace)
