// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* The core's own text, in the build that logs stores. */
#include "../../Sources/CMinidump/header.c"
#include "../../Sources/CMinidump/layout.c"
#include "../../Sources/CMinidump/name.c"
#include "../../Sources/CMinidump/region.c"
#include "../../Sources/CMinidump/slot.c"
#include "../../Sources/CMinidump/table.c"
#include "../../Sources/CMinidump/toc.c"
