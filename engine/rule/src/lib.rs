//! Rule text to compiled rules; events to matches.
