-- source: URL of the object store that the weights of an installed model were loaded from. example: the prediction that
-- shows the model because it was installed, NULL when the operator shows others.
ALTER TABLE installed ADD COLUMN source TEXT;
ALTER TABLE installed ADD COLUMN example TEXT;
