// A device's image around whole libraries and the floors below them; that it links is the test.

void tt_main(void);

void tt_main(void)
{
}
