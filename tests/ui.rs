//! What the macros answer to mistakes: the message, and the token of the user's that it points at.
//!
//! Each file of `ui/` must fail to compile with exactly the errors in the `.stderr` beside it. Only
//! errors that the macros themselves make are there, for the compiler's own words change from version
//! to version.

#[test]
fn mistakes_in_macros_are_told_at_the_users_token() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/*.rs");
}
