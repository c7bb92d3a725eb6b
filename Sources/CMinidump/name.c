// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <md_platform.h>

#include "md_region.h"

/* Digits of the largest seq. */
#define SEQ_DIGITS 10

static const char reserved[][MD_NAME_SIZE] = {
	MD_NAME_HEADER, MD_NAME_STRINGS, MD_NAME_BANNER,
	MD_NAME_NOTE,	"KELF_HDR", /* the header's name in some older writers
				     */
};

static bool is_name_character(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '_';
}

static bool is_reserved(const char full[MD_NAME_SIZE])
{
	size_t i;

	for (i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
		if (memcmp(full, reserved[i], MD_NAME_SIZE) == 0)
			return true;
	}
	return false;
}

/* The digits of seq, most significant first; none for 0. */
static size_t seq_digits(__u32 seq, char digits[SEQ_DIGITS])
{
	char reversed[SEQ_DIGITS];
	size_t count = 0;
	size_t i;

	for (; seq > 0; seq /= 10)
		reversed[count++] = (char)('0' + seq % 10);
	for (i = 0; i < count; i++)
		digits[i] = reversed[count - 1 - i];
	return count;
}

int md_name_compose(const char *name, __u32 seq, char full[MD_NAME_SIZE])
{
	char made[MD_NAME_SIZE] = {0};
	char digits[SEQ_DIGITS];
	size_t digit_count = seq_digits(seq, digits);
	size_t length;
	size_t i;

	if (!name)
		return -EINVAL;
	length = strnlen(name, MD_NAME_MAX + 1);
	if (length == 0 || length + digit_count > MD_NAME_MAX)
		return -EINVAL;
	for (i = 0; i < length; i++) {
		if (!is_name_character(name[i]))
			return -EINVAL;
	}
	memcpy(made, name, length);
	memcpy(made + length, digits, digit_count);
	if (is_reserved(made))
		return -EINVAL;
	memcpy(full, made, MD_NAME_SIZE);
	return 0;
}
