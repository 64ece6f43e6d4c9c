"""The small ways in which a line of C is broken, found on its tokens.

No parser: a change that makes no sense here does not compile with the build's warnings, and is dropped by
whoever asks (mutate.py). A mutant keeps the number of lines, so that checks name the lines they always named.
"""

import re
from dataclasses import dataclass
from itertools import chain

TOKEN = re.compile(
    r"""(?P<space>\s+|//[^\n]*|/\*.*?\*/)
      | (?P<define>^[ \t]*\#[ \t]*define[ \t]+\w+[ \t]+(?=\(?-?\d))
      | (?P<directive>^[ \t]*\#(?:\\\n|[^\n])*)
      | (?P<string>(?:u8|[uUL])?"(?:\\.|[^"\\\n])*")
      | (?P<character>'(?:\\.|[^'\\\n])+')
      | (?P<number>\.?\d(?:[eEpP][+-]|[\w.])*)
      | (?P<word>[A-Za-z_]\w*)
      | (?P<operator><<=|>>=|\.\.\.|->|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|.)""",
    re.VERBOSE | re.MULTILINE | re.DOTALL,
)
SWAPS = {
    "comparison": {"<": ["<=", ">="], ">": [">=", "<="], "<=": ["<", ">"], ">=": [">", "<"], "==": ["!="], "!=": ["=="]},
    "arithmetic": {"+": ["-"], "-": ["+"], "*": ["/"], "/": ["*"], "%": ["*"], "&": ["|"], "|": ["&"], "^": ["|"],
                   "<<": [">>"], ">>": ["<<"], "++": ["--"], "--": ["++"], "+=": ["-="], "-=": ["+="], "*=": ["/="],
                   "/=": ["*="], "%=": ["*="], "&=": ["|="], "|=": ["&="], "^=": ["|="], "<<=": [">>="], ">>=": ["<<="]},
    "logic": {"&&": ["||"], "||": ["&&"]},
}
STATUSES = re.compile(r"TT_(OK|TIMED_OUT|FULL|EMPTY|NOT_FOUND|EXISTS|INVALID|MALFORMED|DAMAGED|UNSUPPORTED|TOO_LARGE|BUSY"
                      r"|RESET|UNREACHABLE|CANCELLED|DENIED|IO)$")
CLOSES = {"(": ")", "[": "]", "{": "}"}
BINARY = ("number", "word", "character", "string")
NOT_DELETED = {"if", "for", "while", "do", "switch", "case", "default", "else", "goto", "static", "_Static_assert"}

# Rooms that compute: theirs are broken in the ways of arithmetic, too.
NUMERIC = ("ai/convert/", "ai/graph/", "ai/lite/", "ai/run/", "ai/train/")
# Of these, an element is an axis.
BY_AXIS = {"size", "sizes", "stride", "strides", "step", "steps", "window", "windows", "before", "after", "dilation",
           "spread", "place", "order", "axes", "first"}
OTHER_AXIS = [("row", "column"), ("rows", "columns"), ("height", "width"), ("m", "n")]
OTHER_AXIS = dict(OTHER_AXIS + [(b, a) for a, b in OTHER_AXIS])
# What is scaled in vain: it would not compile.
NO_FLOAT = re.compile(r"(true|false|NULL|\d+|TT_\w+|&.*|\(tt_\w+\).*|tt_(rule|graph|type|work|cost|reference)_.*"
                      r"|.*(==|!=|&&|\|\|).*)$", re.DOTALL)
TIES = {"<": "<=", "<=": "<", ">": ">=", ">=": ">",
        "TT_OP_LESS": "TT_OP_LESS_OR_EQUAL", "TT_OP_LESS_OR_EQUAL": "TT_OP_LESS"}
# Compared with 0, or multiplied.
NOT_SWAPPED = NOT_DELETED | {"return", "sizeof", "memcmp", "strcmp", "calloc"}
# The last two arguments may change places and nothing changes.
SYMMETRIC = {"tt_add", "tt_multiply", "tt_equal", "tt_cost_add", "tt_cost_multiply", "tt_type_equal", "tt_same", "fmin",
             "fmax", "fminf", "fmaxf"}


@dataclass(frozen=True)
class Mutant:
    file: str
    line: int
    function: str
    kind: str
    old: str  # the lines that change, for people, and with file and function the mutant's identity
    new: str
    text: str  # the whole broken source

    @property
    def name(self):
        return "\n".join((self.file, self.function, self.old, self.new))


class Source:
    """The tokens of a file, which parentheses match, and which function and block each token lies in."""

    def __init__(self, text):
        self.text = text
        self.kinds, self.words, self.starts = [], [], []
        for found in TOKEN.finditer(text):
            if found.lastgroup not in ("space", "directive"):
                self.kinds.append(found.lastgroup)
                self.words.append(found.group())
                self.starts.append(found.start())
        self.match = {}
        self.function = [""] * len(self.words)
        self.block = [None] * len(self.words)  # "{" of the innermost braces
        self.braced = [False] * len(self.words)  # nothing but braces is open around it, no parenthesis
        self.loop_head = [False] * len(self.words)
        open_at, name = [], ""
        for i, word in enumerate(self.words):
            braces = [b for b in open_at if self.words[b] == "{"]
            if word == "{" and not braces:
                name = self.words[self.match[i - 1] - 1] if self.words[i - 1] == ")" else ""
            macro = self.words[open_at[0] - 1] if open_at and self.words[open_at[0]] == "(" else ""
            if macro.isupper():  # a function that a macro makes, such as DERIVATIVE(tanh, ...)
                self.function[i] = self.words[open_at[0] + 1]
            else:
                self.function[i] = name if braces or word == "{" else ""
            self.block[i] = braces[-1] if braces else None
            self.braced[i] = bool(open_at) and open_at[-1] == self.block[i]
            self.loop_head[i] = any(self.words[b] == "(" and self.words[b - 1] in ("for", "while") for b in open_at)
            if word in CLOSES:
                open_at.append(i)
            elif word in CLOSES.values() and open_at:
                self.match[i] = open_at.pop()
                self.match[self.match[i]] = i

    def end(self, i):
        return self.starts[i] + len(self.words[i])

    def slice(self, first, last):  # the text of the tokens first to last
        return self.text[self.starts[first] : self.end(last)]

    def is_code(self, brace):  # and no initialiser or struct
        before = brace - 1
        if self.words[before] == ")":
            head = self.words[self.match[before] - 1]
            return self.block[brace] is None or head in ("if", "for", "while", "switch")
        return self.words[before] in (";", "{", "}", "else", "do", ":")

    def operand(self, i, step):  # the last token of what && or || joins, on that side
        stops = {"&&", "||", "?", ":", ",", ";", "=", "return", "+=", "|=", "&="} | set(CLOSES) | set(CLOSES.values())
        i += step
        while True:
            opens = self.words[i] in CLOSES if step > 0 else self.words[i] in CLOSES.values()
            if opens:
                i = self.match[i]
            following = i + step
            if self.words[following] in stops and not (
                self.words[following] in (CLOSES if step > 0 else CLOSES.values())
            ):
                return i
            i = following


def numbers(word):
    """The neighbours of a literal, and zero."""
    found = re.match(r"(0[xX][0-9a-fA-F]+|\d+)([uUlL]*)$", word)
    if not found:
        return [f"({word} + 1)", "0"]
    digits, suffix = found.groups()
    value = int(digits, 0) if digits == "0" or not re.match(r"0\d", digits) else int(digits, 8)
    write = hex if digits[:2] in ("0x", "0X") else str
    others = {value + 1, value - 1, 0} - {value}
    return [write(other) + suffix if other >= 0 else f"-{write(-other)}" for other in sorted(others, reverse=True)]


def changes(s, numeric):
    """Yields (kind, first token, last token, what stands there instead, the same for people if that differs)."""
    words, kinds = s.words, s.kinds
    for i, (word, kind) in enumerate(zip(words, kinds)):
        before = words[i - 1] if i else ";"
        in_code = s.function[i] != ""
        if kind == "number":
            grows = not (before == "[" and words[i + 1] == "]" and (kinds[i - 3] == "word" or words[i - 3] == "*"))
            for other in numbers(word):
                if grows or other == "0" or "(" not in other and int(other.rstrip("uUlL"), 0) < int(word.rstrip("uUlL"), 0):
                    yield "constant", i, i, other, None
        elif kind == "character":
            yield "constant", i, i, f"({word} + 1)", None
            yield "constant", i, i, f"({word} - 1)", None
        elif word in ("true", "false"):
            yield "constant", i, i, "false" if word == "true" else "true", None
        if not in_code:
            continue
        binary = i > 0 and (kinds[i - 1] in BINARY and before != "return" or before in (")", "]"))
        for name, swaps in SWAPS.items():
            if word in swaps and (binary or word in ("++", "--")):
                for other in swaps[word]:
                    tie = numeric and TIES.get(word) == other and not s.loop_head[i]
                    yield "other branch of a tie" if tie else name, i, i, other, None
        if word in ("&&", "||"):
            neutral = "1 ||" if word == "&&" else "0 &&"
            for first, last in ((s.operand(i, -1), i - 1), (i + 1, s.operand(i, 1))):
                yield "condition", first, last, f"({neutral} ({s.slice(first, last)}))", None
        elif word in ("!", "~") or word == "-" and not binary:
            yield "negation", i, i, "", None
        elif word == "?":
            yield "condition", i, i, "&& 0 ?", None
            yield "condition", i, i, "|| 1 ?", None
        elif word in ("if", "while", "switch") and words[i + 1] == "(":
            first, last = i + 2, s.match[i + 1] - 1
            if word != "switch":
                yield "condition", first, last, f"!({s.slice(first, last)})", None
                yield "condition", first, last, f"0 && ({s.slice(first, last)})", None
            if word == "if":
                yield "condition", first, last, f"1 || ({s.slice(first, last)})", None
        elif word == "for":
            semicolons = [k for k in range(i + 2, s.match[i + 1]) if words[k] == ";"]
            if semicolons and semicolons[0] + 1 < semicolons[1]:
                first, last = semicolons[0] + 1, semicolons[1] - 1
                yield "condition", first, last, f"0 && ({s.slice(first, last)})", None
        elif word == "else" and words[i + 1] == "{":
            yield "deleted else", i, i, "else if (0)", None
        elif word == "return" and words[i + 1] != ";":
            last = next(k for k in range(i, len(words)) if words[k] == ";") - 1
            value = s.slice(i + 1, last)
            for other in ("0", "1"):
                if value != other:
                    yield "returned value", i + 1, last, other, None
            if STATUSES.match(value) and value != "TT_IO":
                yield "returned value", i + 1, last, "TT_IO", None
        elif word == "(" and kinds[i - 1] == "word" and before not in NOT_SWAPPED:
            yield from swapped_arguments(s, i)
        if begins_statement(s, i):
            last = next((k for k in range(i, len(words)) if words[k] == ";" and s.block[k] == s.block[i]), None)
            if last:
                statement = s.slice(i, last)
                yield "deleted statement", i, last, "{ if (0) " + statement + " }", ";"


def scaled(text):
    """The text times 1.003, of its own type; it compiles for floating types only."""
    return f"(({text}) * _Generic(({text}), float: 1.003F, double: 1.003, long double: 1.003L))"


def expression_end(s, i):
    """The last token of the expression that begins at i: what follows is a comma or ends what it stands in."""
    while s.words[i] not in (",", ";", *CLOSES.values()):
        i = s.match[i] + 1 if s.words[i] in CLOSES else i + 1
    return i - 1


def factor(s, i, step):
    """The last token, on that side, of the factor that begins at i: a name, a number or parentheses, and what belongs to it."""
    if step > 0:
        while s.words[i] in ("-", "!", "&", "*"):
            i += 1
        i = s.match.get(i, i)
        while s.words[i + 1] in ("[", "(", ".", "->"):
            i = s.match[i + 1] if i + 1 in s.match else i + 2
        return i
    while s.words[i] in ("]", ")") and (s.words[s.match[i] - 1] in ("]", ")") or s.kinds[s.match[i] - 1] == "word"):
        i = s.match[i] - 1
    if s.words[i] == ")":
        return s.match[i]
    return factor(s, i - 2, step) if s.words[i - 1] in (".", "->") else i


def numeric_changes(s):
    """What is broken in rooms that compute, as changes() does; "other branch of a tie" is there."""
    words, kinds = s.words, s.kinds
    for i, word in enumerate(words):
        if s.function[i] == "":
            continue
        binary = kinds[i - 1] in BINARY or words[i - 1] in (")", "]")
        if word in ("*", "/") and binary:
            for first, last in ((factor(s, i - 1, -1), i - 1), (i + 1, factor(s, i + 1, 1))):
                yield "x 1.003", first, last, scaled(s.slice(first, last)), f"{s.slice(first, last)} * 1.003"
        elif word in ("=", "+=", "-=", "return") and words[i + 1] not in ("{", ";"):
            last = expression_end(s, i + 1)
            value = s.slice(i + 1, last)
            if NO_FLOAT.match(value):
                continue
            yield "x 1.003", i + 1, last, scaled(value), f"({value}) * 1.003"
            if word == "return" or words[i - 1] == "dy" or words[i - 4 : i - 2] == ["dx", "["]: # of a graph
                graph = "back->graph" if words[i - 6 : i - 4] == ["back", "->"] else "g"
                other = f"tt_scale({graph}, {value}, 1.003)"
                yield "x 1.003", i + 1, last, other, None
        elif word in ("for", "while") and words[i + 1] == "(":
            for k in range(i + 2, s.match[i + 1]):
                if words[k] in ("<", "<="):
                    yield "last element left out", k, k, f"+ 1 {words[k]}", None
        elif word == "[" and kinds[i - 1] == "word" and s.match[i] > i + 1 and kinds[i + 1] != "number":
            first, last = i + 1, s.match[i] - 1
            if words[i - 1] in BY_AXIS or "axis" in words[first : last + 1]:
                for other in ("+ 1", "- 1"):
                    yield "another axis", first, last, f"{s.slice(first, last)} {other}", None
        elif word == "tt_less" and words[i + 1] == "(":
            graph = expression_end(s, i + 2)
            other = f"tt_binary({s.slice(i + 2, graph)}, TT_OP_LESS_OR_EQUAL"
            yield "other branch of a tie", i, graph, other, None
        elif word in TIES and kinds[i] == "word":
            yield "other branch of a tie", i, i, TIES[word], None
        if word in OTHER_AXIS and words[i - 1] not in (".", "->"):
            yield "another axis", i, i, OTHER_AXIS[word], None


def swapped_arguments(s, opening):
    commas, i = [], opening + 1
    while i < s.match[opening]:
        if s.words[i] in CLOSES:
            i = s.match[i]
        elif s.words[i] == ",":
            commas.append(i)
        i += 1
    edges = [opening] + commas + [s.match[opening]]
    if s.words[opening - 1] in SYMMETRIC:
        edges.pop()
    for before, between, after in zip(edges, edges[1:], edges[2:]):
        one, two = s.slice(before + 1, between - 1), s.slice(between + 1, after - 1)
        if one != two:
            yield "swapped arguments", before + 1, after - 1, f"{two}, {one}", None


def begins_statement(s, i):
    if not s.function[i] or not s.braced[i] or not s.is_code(s.block[i]):
        return False
    word, before = s.words[i], s.words[i - 1]
    if word in NOT_DELETED or (s.kinds[i] != "word" and word not in ("*", "(", "++", "--")):
        return False
    if before == ")":
        return s.words[s.match[i - 1] - 1] in ("if", "for", "while", "switch")
    return before in (";", "{", "else", "do") or (before == "}" and s.is_code(s.match[i - 1])) or (
        before == ":" and (s.words[i - 3] == "case" or s.words[i - 2] == "default"))


def inside_check(s, i):
    """The opening parenthesis of the TT_CHECK around token i: its text must stay what it was, or each would be distinct."""
    for opening in range(i, 0, -1):
        if s.words[opening] in (";", "{", "}"):
            return None
        if s.words[opening] == "(" and s.words[opening - 1] == "TT_CHECK" and s.match[opening] > i:
            return opening
    return None


def mutants(file, text):
    s = Source(text)
    seen = {}
    numeric = file.startswith(NUMERIC)
    for kind, first, last, instead, shown in chain(changes(s, numeric), numeric_changes(s) if numeric else ()):
        start, end = s.starts[first], s.end(last)

        def broken(by, start=start, end=end):
            lost = text.count("\n", start, end) - by.count("\n")
            return text[:start] + by + "\n" * lost + text[end:]

        line_start = text.rfind("\n", 0, start) + 1
        line_end = (text.find("\n", end) + 1 or len(text) + 1) - 1
        told = instead if shown is None else shown
        old = " ".join(text[line_start:line_end].split())
        new = " ".join((text[line_start:start] + told + text[end:line_end]).split())
        source = broken(instead)
        check = inside_check(s, first)
        if check and kind != "deleted statement":
            condition = s.slice(check + 1, s.match[check] - 1)
            changed = text[s.starts[check + 1] : start] + instead + text[end : s.end(s.match[check] - 1)]
            quoted = " ".join(condition.split()).replace("\\", "\\\\").replace('"', '\\"')
            source = broken(f'(({changed}) ? (void)0 : tt_check_failed(__FILE__, __LINE__, "{quoted}"))',
                            s.starts[check - 1], s.end(s.match[check]))
        identity = (s.function[first], old, new)
        seen[identity] = seen.get(identity, 0) + 1
        if seen[identity] > 1:
            new += f"  // the {seen[identity]}. such change"
        yield Mutant(file, text.count("\n", 0, start) + 1, s.function[first], kind, old, new, source)
