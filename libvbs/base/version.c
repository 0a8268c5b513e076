// SPDX-License-Identifier: BSD-3-Clause
/* The version that was built. */
#include <vbs/version.h>

#define STR_(x) #x
#define STR(x)  STR_(x)

VBS_API const char *
vbs_version(void)
{
	return STR(VBS_VERSION_MAJOR) "." STR(VBS_VERSION_MINOR) "." STR(
		VBS_VERSION_PATCH);
}
