//! Clerk session tokens: from text to verified claims.
