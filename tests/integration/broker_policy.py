"""A policy of the broker for new topics, which can be lifted while it runs."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

from tests.conftest import ROOT

POLICY = """
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.apache.kafka.server.policy.CreateTopicPolicy;

public class FewPartitions implements CreateTopicPolicy {
    public static class Agent {
        static Path lifted;
        public static void premain(String arguments) { lifted = Path.of(arguments); }
    }
    public void configure(Map<String, ?> settings) {}
    public void close() {}
    public void validate(RequestMetadata topic) {
        if (Files.exists(Agent.lifted.resolveSibling("silent")))
            throw new org.apache.kafka.common.errors.TimeoutException("the policy's service is silent");
        if (topic.numPartitions() != null && topic.numPartitions() > 8 && !Files.exists(Agent.lifted))
            throw new org.apache.kafka.common.errors.PolicyViolationException("at most 8 partitions a topic");
    }
}
"""


def policy_jar(folder: Path) -> Path:
    """Compile the policy, with a JDK.

    As an agent's, its jar comes onto the broker's class path: `-javaagent:JAR=FILE`, and the policy is lifted
    once FILE is there. While a file `silent` lies beside it, each question ends in a time-out.
    """
    (folder / "FewPartitions.java").write_text(POLICY)
    done = subprocess.run(
        ["javac", "-cp", str(ROOT / ".kafka/libs/*"), "-d", str(folder), str(folder / "FewPartitions.java")],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    jar = folder / "policy.jar"
    with zipfile.ZipFile(jar, "w") as archive:
        archive.writestr(
            "META-INF/MANIFEST.MF", "Manifest-Version: 1.0\nPremain-Class: FewPartitions$Agent\n\n"
        )
        for compiled in folder.glob("*.class"):
            archive.write(compiled, compiled.name)
    return jar
