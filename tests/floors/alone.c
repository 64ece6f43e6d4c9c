// A program around one whole library and the floors below it; that it links is the test.

int main(void)
{
    return 0;
}
