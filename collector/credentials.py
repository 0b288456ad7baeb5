"""Replace credentials in what people type and programs print: command lines, log lines, variables."""

from __future__ import annotations

from typing import Any

import re2

from collector.secrets import MARK, in_text

# the words by which a name says that its value is a credential
_WORDS = (
    r"passw(?:or)?d|passphrase|pass\b|pwd|secret|token|credentials?|api[_-]?key|access[_-]?key|private[_-]?key|"
    r"encryption[_-]?key|connection[_-]?string"
)
_NAME = rf"[A-Za-z0-9_.-]{{0,60}}(?:{_WORDS})[A-Za-z0-9_.-]{{0,60}}"
_VALUE = r"""(?:"(?:[^"\\]|\\.)*"|\\"(?:[^"\\]|\\[^"])*\\"|'[^']*'|[^\s"'&;,|)}\]]+)"""
_KNOWN = (
    r"(?:AKIA|ASIA)[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|xox[a-z]-[\w-]{10,}|"
    r"hvs\.[\w-]{20,}|SWMTKN-1-[\w-]{20,}|npm_[A-Za-z0-9]{30,}|dckr_pat_[\w-]{20,}|AIza[\w-]{30,}|sk-[\w-]{20,}"
)

_hint = re2.compile(
    rf"""(?i:{_WORDS}|authorization|bearer|://[^/\s@]*:[^/\s@]*@)|\s-[puaw]|eyJ|PRIVATE KEY|\b(?:{_KNOWN})"""
)
_known = re2.compile(rf"\b(?:{_KNOWN})")
_assigned = re2.compile(rf"""(?i)({_NAME})(\\?["']?\s{{0,3}}[=:]\s{{0,3}})({_VALUE})""")
_option = re2.compile(rf"(?i)(^|\s)(-{{1,2}}{_NAME})(\s+)({_VALUE})")
_header = re2.compile(
    r"""(?i)(authorization\\?["']?\s{0,3}[:=]\s{0,3}\\?["']?(?:(?:bearer|basic|token|digest|negotiate)\s+)?)[^\s"'\\]+"""
)
_bearer = re2.compile(r"(?i)\b(bearer\s+)[A-Za-z0-9._~+/=-]{16,}")
_login = re2.compile(r"([A-Za-z][A-Za-z0-9+.-]{1,20}://[^\s/:@]{0,256}:)[^\s/@]{1,256}@")
_short = re2.compile(rf"(^|\s)(-[puaw])(\s*)({_VALUE})")
_separator = re2.compile(r"[;&|`\n(]|:\s")

# names that tell of a credential without holding one
_about = re2.compile(
    r"(?i)(?:names?|file|path|dir|ref|type|count|limit|length|size|ttl|expir\w*|url|uri|endpoint|stdin|policy|"
    r"key[_.-]?id|tokens|secrets|passwords|keys)$"
)
_elsewhere = re2.compile(
    r"""(?i)["'\\]*(?:\$|/[\w.-]+(?:/|$)|<|-|\[redacted|(?:true|false|null|none|yes|no)["'\\]*$)"""
)
_word = re2.compile(r"[A-Za-z]+[.!?]?")
_quotes = re2.compile(r"""^\\?["']""")
_no_password = re2.compile(r"""["']?(?:[$/.~<-]|\d+(?:[:/-]|$)|(?:tcp|udp|icmp|all)["']?$|\[redacted|.*/)""")

_LOOK_BACK = 400  # characters before an option in which its program is looked for


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


_WRAPPERS = _set("sudo env nohup time exec sh bash ash dash timeout nice docker podman kubectl")
# programs by the option that takes a password
_TAKES = {
    "-p": _set("mysql mysqldump mysqladmin mysqlimport mariadb mariadb-dump mariadb-admin sshpass"),
    "-u": _set("curl"),  # name:password
    "-a": _set("redis-cli valkey-cli"),
    "-w": _set("ldapsearch ldapmodify ldapadd ldapdelete ldapwhoami ldappasswd"),
}
# programs to which -p is something else: a path, a process, a port
_OTHER = _set(
    """
    mkdir cp mv ps top kill pgrep pidstat lsof strace ltrace gdb perf taskset chrt renice ionice ssh scp sftp
    nc ncat netstat ss iptables ip6tables ip nmap read declare export test install tar rsync git date grep perl
    ruby node python python3 patch touch make cmake screen tmux nginx unshare nsenter npm useradd groupadd run
    compose docker-compose udevadm systemctl journalctl head tail sysctl traceroute ping
    """
)


def mask(text: str) -> str:
    """The text with `[redacted]` in place of each credential."""
    if _hint.search(text) is None:
        return text
    text = in_text(_known.sub(MARK, _login.sub(rf"\1{MARK}@", text)))
    text = _bearer.sub(rf"\1{MARK}", _header.sub(rf"\1{MARK}", text))
    text = _option.sub(_option_value, _assigned.sub(_assigned_value, text))
    return str(_short.sub(lambda found: _short_value(text, found), text))


def mask_bytes(raw: bytes) -> bytes:
    """The same for bytes, whatever their encoding."""
    text = raw.decode("latin-1")
    masked = mask(text)
    return raw if masked == text else masked.encode("latin-1")


def suspicious(raw: bytes) -> bool:
    """Whether bytes may hold a credential: a quick look that is right where it says no."""
    return _hint.search(raw.decode("latin-1")) is not None


def is_credential(name: str) -> bool:
    """Whether a value of this name is a credential, such as `DB_PASSWORD`."""
    return _words.search(name) is not None and _about.search(name) is None


_words = re2.compile(f"(?i){_WORDS}")


def _hide(value: str) -> str:
    quotes = _quotes.search(value)
    return f"{quotes[0]}{MARK}{quotes[0]}" if quotes else MARK


def _assigned_value(found: Any) -> str:
    name, between, value = found[1], found[2], found[3]
    prose = (
        ":" in between and between[-1:].isspace() and "pass" not in name.lower() and _word.fullmatch(value)
    )
    if prose or _about.search(name) or _elsewhere.match(value):
        return str(found[0])
    return f"{name}{between}{_hide(value)}"


def _option_value(found: Any) -> str:
    before, name, space, value = found[1], found[2], found[3], found[4]
    if _about.search(name) or _elsewhere.match(value):
        return str(found[0])
    return f"{before}{name}{space}{_hide(value)}"


def _short_value(text: str, found: Any) -> str:
    before, option, space, value = found[1], found[2], found[3], found[4]
    program = _program(text[max(0, found.start() - _LOOK_BACK) : found.start()])
    if MARK[:-1] in value:
        return str(found[0])
    if program in _TAKES[option]:
        if option == "-u":
            name, colon, _ = value.partition(":")
            return f"{before}{option}{space}{name}{colon}{MARK}" if colon else str(found[0])
    elif option != "-p" or not space or program in _OTHER or _no_password.match(value):
        return str(found[0])
    return f"{before}{option}{space}{_hide(value)}"


def _program(before: str) -> str:
    """The program that the last command of a text runs, without its path."""
    for word in _separator.split(before)[-1].split():
        name: str = word.strip("\"'").rpartition("/")[2]
        if name not in _WRAPPERS and not name.startswith("-") and "=" not in name:
            return name
    return ""
