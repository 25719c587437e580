/*
 * Options of ThreadSanitizer builds that use NNG or librdkafka.
 *
 * Debian's builds of them are not instrumented: TSan sees their mutexes, but
 * not the atomic counters by which they know that an object's last user is
 * gone, and so takes the end of such an object for a race. Reports from calls
 * made by libraries without instrumentation are therefore left out;
 * synchronisation by these calls still counts, and our own code is checked as
 * ever.
 */
const char *__tsan_default_options(void);

const char *__tsan_default_options(void)
{
	return "ignore_noninstrumented_modules=1";
}
