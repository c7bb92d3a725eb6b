// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "vq_platform.h"
#include "vectors.h"

/* Looks among one kind, which differs from others in its type alone. */
#define VECTOR_LOOK(kind)                                                      \
	do {                                                                   \
		const struct kind##_vector *vector;                            \
                                                                               \
		for (__u32 i = 0; (vector = kind##_vector_at(i)); i++) {       \
			if (index--)                                           \
				continue;                                      \
			*fault = kind##_vector_run(vector, storage);           \
			return vector->name;                                   \
		}                                                              \
	} while (0)

const char *vector_run(__u32 index, void *storage, const char **fault)
{
	VECTOR_LOOK(chain);
	VECTOR_LOOK(packed);
	VECTOR_LOOK(signal);
	VECTOR_LOOK(event);
	VECTOR_LOOK(order);
	VECTOR_LOOK(request);
	VECTOR_LOOK(control);
	VECTOR_LOOK(answer);
	VECTOR_LOOK(report);
	return NULL;
}
