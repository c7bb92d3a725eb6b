// SPDX-License-Identifier: MIT
print("agent")
