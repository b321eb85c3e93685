// Holds the precompiled header of all test programs, see folders.cmake.
