"""docs/operating.md: the commands that no test can run name files, objects and conditions that are there.

What is looked at: the blocks marked `console`, and `kubectl` in running text. That the commands do what the page says, nobody can tell
without a cluster; that they are about something, this can.
"""

import itertools
import re
import shlex
import subprocess
import unittest

from deploy.checks.manifests import DEPLOY, OVERLAYS, ROOT, SERVICES, drawn_secrets, of_kind, pod_templates, rendered, selects

PAGE = (ROOT / "docs" / "operating.md").read_text()
VERBS = {"apply", "create", "delete", "describe", "drain", "exec", "get", "port-forward", "replace", "rollout", "scale", "wait"}
KINDS = {
    "backup": "Backup", "certificate": "Certificate", "cluster": "Cluster", "configmap": "ConfigMap", "cronjob": "CronJob", "deployment": "Deployment",
    "job": "Job", "pod": "Pod", "scheduledbackup": "ScheduledBackup", "secret": "Secret", "service": "Service",
}
CONDITIONS = {"Ready": {"Pod", "Cluster", "Certificate"}, "Complete": {"Job"}}
# The page has the reader add these; and what others make of what is there.
ADDED = {("Secret", "peers-ca-2")}
# Options that take a value.
VALUED = {"-n", "-l", "-f", "-k", "-o", "-c"}
# A reader's own word.
PLACEHOLDER = re.compile(r"[A-Z]+")


def blocks():
    """The console blocks."""
    return re.findall(r"^```console\n(.*?)^```", PAGE, re.S | re.M)


def lines(block):
    """The simple commands of a block, its loops over services unrolled."""
    text = re.sub(r"\\\n\s*", " ", block)
    for command in re.split(r"\n|&&|[;&|()]", re.sub(r"'[^']*'|\"[^\"]*\"", lambda quoted: re.sub(r"[;&|()\n]", "_", quoted[0]), text)):
        command = re.sub(r"(?<!\S)[0-9]*[<>]+&?\S*", "", command.strip().removeprefix("do ").strip())
        for service in SERVICES if "$service" in command else ("",):
            yield command.replace("$service", service)


def kubectl():
    """The words of every kubectl command: of blocks in order, then of running text."""
    running = re.findall(r"`(kubectl [^`]*)`", re.sub(r"^```.*?^```", "", PAGE, flags=re.S | re.M))
    for command in itertools.chain(*(lines(block) for block in blocks()), *(lines(text) for text in running)):
        words = shlex.split(command, comments=True)
        # A plugin of CloudNativePG's is its business.
        if words[:1] == ["kubectl"] and "cnpg" not in words:
            yield command, words[1:]


def parsed(words):
    """(verb, options, arguments): what follows `--` is a pod's business."""
    words = words[: words.index("--")] if "--" in words else words
    options, arguments, rest = {}, [], iter(words)
    for word in rest:
        if word in VALUED:
            options[word] = next(rest)
        elif word.startswith("-"):
            name, _, value = word.partition("=")
            options[name] = value
        else:
            arguments.append(word)
    return arguments[0], options, arguments[1:]


def there():
    """(kind, name) of every object that an overlay has, or that others make of it."""
    found = set(ADDED)
    for overlay in OVERLAYS:
        found |= {(one["kind"], one["metadata"]["name"]) for one in rendered(overlay) + drawn_secrets(overlay)}
        found |= {("Secret", one["spec"]["secretName"]) for one in of_kind(overlay, "Certificate")}
    return found


def addressed(verb, arguments):
    """(kind, name or none) of what a command is about."""
    if verb in ("rollout", "create"):
        arguments = arguments[1:] if verb == "rollout" else []
    for number, word in enumerate(arguments):
        kind, slash, name = word.partition("/")
        if slash and kind in KINDS:
            yield KINDS[kind], name
        elif word in KINDS:
            named = [one for one in arguments[number + 1 :] if "/" not in one]
            for name in named or [None]:
                yield KINDS[word], name
            return


class Operating(unittest.TestCase):
    def test_blocks_are_shell_and_name_files_that_are_there(self):
        self.assertGreater(len(blocks()), 10)
        for block in blocks():
            with self.subTest(block=block):
                subprocess.run(["bash", "-n"], input=block, text=True, check=True)
                for path in re.findall(r"(?<![\w/.])deploy/[\w./@-]+", re.sub(r"\{[^}]*\}", "", block)):
                    self.assertTrue((ROOT / path).exists() or list(ROOT.glob(f"{path}*")), path)

    def test_every_kubectl_is_about_something_that_is_there(self):
        known, seen = there(), 0
        for command, words in kubectl():
            with self.subTest(command=command):
                verb, options, arguments = parsed(words)
                seen += 1
                self.assertIn(verb, VERBS)
                if verb == "create" and arguments:
                    kind = KINDS[arguments[0]]
                    made = arguments[2] if kind == "Secret" else arguments[1]
                    known.add((kind, made))
                    if "--from" in options:
                        source, _, name = options["--from"].partition("/")
                        self.assertIn((KINDS[source], name), known)
                    # And that something mounts it.
                    self.assertTrue(kind == "Job" or any(made in str(one) for one in rendered("production")), made)
                for kind, name in addressed(verb, arguments):
                    if name and not PLACEHOLDER.fullmatch(name):
                        self.assertIn((kind, name), known)
                    if verb == "wait" and options["--for"].startswith("condition="):
                        self.assertIn(kind, CONDITIONS[options["--for"].removeprefix("condition=")])
                if verb not in ("create", "drain") and not {"-k", "-f"} & set(options):
                    self.assertTrue(list(addressed(verb, arguments)), "addresses nothing")
                if "-n" in options:
                    self.assertEqual(options["-n"], "countersign")
                self.assertTrue("-n" in options or {"-k", "-f"} & set(options) or verb == "drain", "in no namespace")
        self.assertGreater(seen, 40)

    def test_every_selector_selects_something(self):
        labels = [labels for overlay in OVERLAYS for _, labels, _ in pod_templates(overlay)]
        labels += [one["metadata"].get("labels", {}) for overlay in OVERLAYS for one in rendered(overlay)]
        for command, words in kubectl():
            if selector := parsed(words)[1].get("-l"):
                with self.subTest(command=command):
                    key, value = selector.split("=")
                    wanted = {"matchLabels": {key: value}} if not PLACEHOLDER.fullmatch(value) else {"matchExpressions": [{"key": key, "operator": "Exists"}]}
                    self.assertTrue(any(selects(wanted, one) for one in labels))

    def test_what_a_command_applies_is_rendered(self):
        for command, words in kubectl():
            options = parsed(words)[1]
            if "-k" in options:
                self.assertIn((ROOT / options["-k"]).resolve(), [DEPLOY / "kubernetes" / "overlays" / overlay for overlay in OVERLAYS], command)
            if options.get("-f", "-") != "-":
                self.assertTrue((ROOT / options["-f"]).is_file(), command)

    def test_what_is_not_there_is_noticed(self):
        known = there()
        self.assertEqual(list(addressed("scale", ["deployment/tenant", "deployment/nothing"])), [("Deployment", "tenant"), ("Deployment", "nothing")])
        self.assertNotIn(("Deployment", "nothing"), known)
        self.assertEqual(list(addressed("describe", ["cluster", "countersign-db"])), [("Cluster", "countersign-db")])
        self.assertEqual(parsed(shlex.split("kubectl -n x wait --for=condition=Ready pod -l a=b")[1:]), ("wait", {"-n": "x", "--for": "condition=Ready", "-l": "a=b"}, ["pod"]))


if __name__ == "__main__":
    unittest.main()
