"""A page with every shared component, served only to the browser tests: what they check here, pages may rely on."""
