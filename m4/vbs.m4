# SPDX-License-Identifier: BSD-3-Clause

# VBS_APPEND_FLAGS(VARIABLE, FLAGS)
# Append each of FLAGS that the compiler and the linker accept to VARIABLE.
AC_DEFUN([VBS_APPEND_FLAGS], [
  for vbs_flag in $2; do
    AS_VAR_PUSHDEF([vbs_cv], [vbs_cv_flag_$vbs_flag])
    AC_CACHE_CHECK([whether $CC accepts $vbs_flag], [vbs_cv], [
      vbs_save_CFLAGS=$CFLAGS
      CFLAGS="$CFLAGS -Werror $vbs_flag"
      AC_LINK_IFELSE([AC_LANG_PROGRAM()],
        [AS_VAR_SET([vbs_cv], [yes])], [AS_VAR_SET([vbs_cv], [no])])
      CFLAGS=$vbs_save_CFLAGS
    ])
    AS_VAR_IF([vbs_cv], [yes], [AS_VAR_APPEND([$1], [" $vbs_flag"])])
    AS_VAR_POPDEF([vbs_cv])
  done
])

# VBS_ARG_SANITIZERS
# --enable-sanitizers[=LIST]: LIST goes to -fsanitize=, default address,undefined.
AC_DEFUN([VBS_ARG_SANITIZERS], [
  AC_ARG_ENABLE([sanitizers],
    [AS_HELP_STRING([--enable-sanitizers@<:@=LIST@:>@],
      [build with -fsanitize=LIST @<:@address,undefined@:>@])],
    [], [enable_sanitizers=no])
  AS_CASE([$enable_sanitizers],
    [no], [],
    [yes], [enable_sanitizers=address,undefined])
  AS_IF([test "x$enable_sanitizers" != xno], [
    vbs_san="-fsanitize=$enable_sanitizers -fno-omit-frame-pointer"
    vbs_san="$vbs_san -fno-sanitize-recover=all"
    VBS_CFLAGS="$VBS_CFLAGS $vbs_san"
    VBS_LDFLAGS="$VBS_LDFLAGS -fsanitize=$enable_sanitizers"
  ])
  # gcc warns that TSan does not see fences. Ours stand beside atomics.
  AS_CASE([$enable_sanitizers], [*thread*],
    [VBS_APPEND_FLAGS([VBS_CFLAGS], [-Wno-tsan])])
  AM_CONDITIONAL([SANITIZED], [test "x$enable_sanitizers" != xno])
])

# VBS_ARG_WERROR
# --enable-werror: for CI and developers; never the default in a tarball.
AC_DEFUN([VBS_ARG_WERROR], [
  AC_ARG_ENABLE([werror],
    [AS_HELP_STRING([--enable-werror], [stop the build on a warning])],
    [], [enable_werror=no])
  AS_IF([test "x$enable_werror" = xyes], [VBS_CFLAGS="$VBS_CFLAGS -Werror"])
])

# VBS_REQUIRE(NAME, PKG-CONFIG MODULES, DEBIAN PACKAGE)
# A library that must be there. What is missing is collected, so that one run
# of configure names all of it.
AC_DEFUN([VBS_REQUIRE], [
  PKG_CHECK_MODULES([$1], [$2], [],
    [AS_VAR_APPEND([vbs_missing], [" $3"])])
])

# VBS_REPORT_MISSING
AC_DEFUN([VBS_REPORT_MISSING], [
  AS_IF([test -n "$vbs_missing"],
    [AC_MSG_ERROR([missing libraries; on Debian: apt-get install$vbs_missing])])
])

# VBS_OPTIONAL(NAME, PKG-CONFIG MODULES, DEBIAN PACKAGE)
# A library that is used when it is there; --without-NAME leaves it out.
AC_DEFUN([VBS_OPTIONAL], [
  AC_ARG_WITH(m4_tolower([$1]),
    [AS_HELP_STRING([--without-]m4_tolower([$1]), [do not use it ($3)])],
    [], [AS_VAR_SET([with_]m4_tolower([$1]), [check])])
  have_$1=no
  AS_VAR_IF([with_]m4_tolower([$1]), [no], [],
    [PKG_CHECK_MODULES([$1], [$2], [have_$1=yes],
      [AS_VAR_IF([with_]m4_tolower([$1]), [yes],
        [AC_MSG_ERROR([missing library; on Debian: apt-get install $3])])])])
  AS_IF([test "x$have_$1" = xyes],
    [AC_DEFINE([HAVE_$1], [1], [Define to 1 if $2 is there.])])
])

# VBS_WITH_SYSTEMD
# Where the units of systemd go: below our prefix, unless a folder is given;
# nowhere without systemd.
AC_DEFUN([VBS_WITH_SYSTEMD], [
  AC_ARG_WITH([systemdsystemunitdir],
    [AS_HELP_STRING([--with-systemdsystemunitdir=DIR],
      [where units of systemd go, or no @<:@as systemd.pc says@:>@])],
    [], [with_systemdsystemunitdir=yes])
  AS_IF([test "x$with_systemdsystemunitdir" = xyes], [
    with_systemdsystemunitdir=`$PKG_CONFIG --silence-errors \
      --define-variable=prefix='${prefix}' \
      --define-variable=rootprefix='${prefix}' \
      --variable=systemdsystemunitdir systemd`
    test -n "$with_systemdsystemunitdir" || with_systemdsystemunitdir=no
  ])
  AC_SUBST([SYSTEMD_SYSTEM_UNIT_DIR], [$with_systemdsystemunitdir])
  AM_CONDITIONAL([SYSTEMD], [test "x$with_systemdsystemunitdir" != xno])
])
