/*
 * Functions that are not used in this project, as compile errors. Included
 * before everything else by the compiler flags (common/cmake/tranche.cmake);
 * the system headers come first so that their own declarations survive.
 *
 * The list follows git's banned.h: what is here has a safer counterpart that
 * takes a size or keeps no hidden state.
 */
#ifndef TR_COMMON_BASE_BANNED_H
#define TR_COMMON_BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TR_BANNED(func) sorry_##func##_is_a_banned_function

#undef strcpy
#define strcpy(x, y) TR_BANNED(strcpy)
#undef strcat
#define strcat(x, y) TR_BANNED(strcat)
#undef strncpy
#define strncpy(x, y, n) TR_BANNED(strncpy)
#undef strncat
#define strncat(x, y, n) TR_BANNED(strncat)
#undef strtok
#define strtok(x, y) TR_BANNED(strtok)
#undef sprintf
#define sprintf(...) TR_BANNED(sprintf)
#undef vsprintf
#define vsprintf(...) TR_BANNED(vsprintf)
#undef gmtime
#define gmtime(t) TR_BANNED(gmtime)
#undef localtime
#define localtime(t) TR_BANNED(localtime)
#undef ctime
#define ctime(t) TR_BANNED(ctime)
#undef rand
#define rand() TR_BANNED(rand)
#undef atoi
#define atoi(s) TR_BANNED(atoi)

#endif /* TR_COMMON_BASE_BANNED_H */
