from __future__ import annotations

import subprocess
import sys


def test_importing_the_package_imports_no_network_library() -> None:
    program = (
        "import sys, evolve.models\n"
        "heavy = {'litellm', 'openai', 'httpx', 'aiohttp', 'tokenizers', 'tiktoken', 'sqlmodel', 'scipy'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_offline_answers_need_no_network_library() -> None:
    program = (
        "import asyncio, sys\n"
        "from evolve.models import CallBudget, MemoryJournal, Models, ModelsConfig\n"
        "config = ModelsConfig.model_validate({'use': [{'name': 'openai/x'}]})\n"
        "async def main():\n"
        "    async with Models(config, CallBudget(), MemoryJournal(), offline=True):\n"
        "        print(sorted({'litellm', 'openai', 'httpx', 'aiohttp'} & set(sys.modules)))\n"
        "asyncio.run(main())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
