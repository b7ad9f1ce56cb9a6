"""The two chat templates of ours. Both mark what the assistant says, its end token included, as what is trained on."""

from __future__ import annotations

from typing import Final

START: Final = "<|im_start|>"
END: Final = "<|im_end|>"
PAD: Final = "<|pad|>"

_TOOL_CALLS: Final = (
    "{%- for call in message['tool_calls'] or [] -%}"
    "{{ '\\n<tool_call>' + (call | tojson) + '</tool_call>' }}"
    "{%- endfor -%}"
)

#: ChatML-like, for the built-in model: the tool definitions as JSON, where there are any; then for each message
#: `<|im_start|>role name`, the content, tool calls as JSON, `<|im_end|>`.
CHATML: Final = (
    "{%- if tools -%}{{ '<|im_start|>tools\\n' + (tools | tojson) + '<|im_end|>\\n' }}{%- endif -%}"
    "{%- for message in messages -%}"
    "{{ '<|im_start|>' + message['role'] + (' ' + message['name'] if message['name'] else '') + '\\n' }}"
    "{%- if message['role'] == 'assistant' -%}"
    "{% generation %}{{ message['content'] or '' }}" + _TOOL_CALLS + "{{ '<|im_end|>' }}{% endgeneration %}"
    "{%- else -%}{{ (message['content'] or '') + '<|im_end|>' }}{%- endif -%}"
    "{{ '\\n' }}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}{%- endif -%}"
)

#: For base models that come without a chat template: it needs no token but the model's own end token.
PLAIN: Final = (
    "{{- bos_token or '' -}}"
    "{%- if tools -%}{{ 'Tools: ' + (tools | tojson) + '\\n' }}{%- endif -%}"
    "{%- for message in messages -%}"
    "{{ message['role'] | capitalize + (' ' + message['name'] if message['name'] else '') + ':' }}"
    "{%- if message['role'] == 'assistant' -%}"
    "{% generation %}{{ ' ' + (message['content'] or '') }}" + _TOOL_CALLS + "{{ eos_token }}{% endgeneration %}"
    "{%- else -%}{{ ' ' + (message['content'] or '') }}{%- endif -%}"
    "{{ '\\n' }}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ 'Assistant:' }}{%- endif -%}"
)
