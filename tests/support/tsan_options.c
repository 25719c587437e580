/*
 * Options of ThreadSanitizer builds that use NNG.
 *
 * Debian's libnng is not instrumented: TSan sees its mutexes, but not the
 * atomic counters by which it knows that an object's last user is gone, and
 * so takes the end of such an object for a race. Reports from calls made by
 * libraries without instrumentation are therefore left out; synchronisation by
 * these calls still counts, and our own code is checked as ever.
 */
const char *__tsan_default_options(void);

const char *__tsan_default_options(void)
{
	return "ignore_noninstrumented_modules=1";
}
